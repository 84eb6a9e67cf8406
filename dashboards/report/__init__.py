"""The KPI report 项目支出绩效评价报告: from the warehouse to DOCX, PDF, XLSX and JSON, every number with its evidence.

The way of a number: `indicators` (what is asked) → `evidence` (asked and answered) → `score` → `facts` → `narrative`
(what is said) → `record` → `docx`, `pdf`, `xlsx`; `attest` signs them. `issue` goes all of it, `verify_file` goes it
backwards, by `check` and `verify`.
"""
