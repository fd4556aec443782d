"""The command line: one file a verb, and the one place that knows both the compiler and the runtime."""
