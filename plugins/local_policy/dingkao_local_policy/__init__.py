"""The rules of one region, as an example of a province's own plugin: the demo province of the manual."""
