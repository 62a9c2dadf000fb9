"""Large workbooks: found, judged, masked and checked by the column."""
