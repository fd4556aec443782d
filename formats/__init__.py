"""File formats that the compiler and the runtime both write. Knows neither half."""
