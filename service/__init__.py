"""The HTTP service and the clerks' page. Nothing is served yet: this holds their place in the wheel."""
