"""The report as one HTML page: charts as inline SVG, with their tables behind them; no request to any host."""
