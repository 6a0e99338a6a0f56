"""Every judgement of the report, and a simulation that counts how often it is wrong."""
