"""What every tab of the page uses: settings, folders, status, refusals, runs."""
