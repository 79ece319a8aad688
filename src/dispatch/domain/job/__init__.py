"""One row, notification or API request on its way through its route."""
