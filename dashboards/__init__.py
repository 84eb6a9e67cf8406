"""What people look at: the KPI report, the terminal view and Superset."""
