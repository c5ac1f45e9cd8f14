"""Build every image and tool of the cluster from package registries, where no image can be pulled.

`python -m offline` builds what is missing; a step whose inputs did not change is not run again.
"""
