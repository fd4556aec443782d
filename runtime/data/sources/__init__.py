"""The data sources, one file each; every module here is imported when the registry is needed.

Their modules import no numpy at the top, so that `netwright validate` stays quick.
"""
