"""What is held about a doctor, for the doctor: access and copy (Personal Information Protection Law, Art. 45)."""
