"""Random inputs for everything that reads a spec: generators that a seed repeats, and limits that none may break."""
