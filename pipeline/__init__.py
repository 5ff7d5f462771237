"""The commands: plan, work, commit. The only folder that knows click and run directories."""
