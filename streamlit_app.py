"""Entry point of the app: `streamlit run streamlit_app.py`."""

from cape.ui import run_app

run_app()
