"""The compiler: a YAML spec in, a bundle of ONNX graphs out. It never opens a session or reads data."""
