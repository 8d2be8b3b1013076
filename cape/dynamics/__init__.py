"""Sparse differential equations in log10 N, forecasts, hold-outs and symbolic laws."""
