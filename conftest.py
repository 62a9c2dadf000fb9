"""What pytest need not look into where an extra is not installed."""

from importlib.util import find_spec

collect_ignore = [] if find_spec("pyspark") else ["deid/spark.py"]
