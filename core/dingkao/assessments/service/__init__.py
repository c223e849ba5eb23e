"""The use cases of an assessment, a file a step of the manual's section 2.2.3."""
