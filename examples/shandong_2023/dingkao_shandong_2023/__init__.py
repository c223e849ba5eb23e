"""A region modelled on Shandong in 2023: pass mark after the sitting, spot checks, routing by level, one seal."""
