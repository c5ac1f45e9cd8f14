"""CRM: owns the customers and what their mandates allow."""

__version__ = "1.0.0"
