"""成都高新区: what a region modelled on Chengdu's High-tech Zone changes of the periodic assessment, as data."""
