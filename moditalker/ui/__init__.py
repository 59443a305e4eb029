"""The page: classes that receive the pipeline, so that they can be tested without one."""
