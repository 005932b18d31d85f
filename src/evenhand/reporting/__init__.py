"""From results to one HTML file."""
