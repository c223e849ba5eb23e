"""一般程序: the procedure of every doctor who is not assessed in a simplified way."""
