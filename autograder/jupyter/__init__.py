"""JupyterLab as the course opens it: its settings (``labconfig/``) and its server."""
