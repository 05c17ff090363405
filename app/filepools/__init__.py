"""File pools: folders with disk images that every worker has mounted, as KVM hosts use them (shared mount points)."""
