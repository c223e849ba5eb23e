"""Two people for what cannot be undone (双人复核): an act is proposed by one and decided by another of the same rights,
who sees what it will do. Annulling a result, voiding a question for all, fixing a pass mark."""
