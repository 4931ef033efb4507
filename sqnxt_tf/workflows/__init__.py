"""One file a verb: the paths that join the packages, without the command line."""
