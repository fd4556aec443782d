"""The graphs that train: objective, updates, and the set a bundle holds (`graphs.build_graphs`).

Nothing is imported here: checking a spec takes the objective, not the passes and forms that compiling needs.
"""
