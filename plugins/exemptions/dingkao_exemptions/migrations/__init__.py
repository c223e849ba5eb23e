"""SQL files of the plugin's tables, one for each database."""
