"""简易程序: the simplified procedure for doctors of long practice and good conduct."""
