"""The CRM service: owner of the customers and of what their mandates allow."""
