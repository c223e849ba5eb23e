"""A day of tests: simulated doctors who sit a paper at once, and the check that none of their answers is lost."""
