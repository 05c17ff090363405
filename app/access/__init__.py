"""Who may call: accounts' API keys, their secrets sealed at rest."""
