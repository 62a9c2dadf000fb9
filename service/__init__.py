"""The HTTP service and the clerks' page: the library's functions, one to one, behind FastAPI.

Inside this package imports are relative: a checkout has it at the top level, the wheel inside deid.
"""
