"""Find and mask ID numbers, phone numbers and addresses in Chinese public name lists."""

__version__ = "0.1.0"
