"""Reports: tables, plots and the page of a run. Reads run folders only; imports no model."""
