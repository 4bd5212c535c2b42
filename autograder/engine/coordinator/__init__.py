"""The trusted side: plans, starts and follows a submission's processes."""
