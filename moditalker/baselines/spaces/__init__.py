"""Methods that run on other machines: Gradio servers, described by one small TOML file each."""
