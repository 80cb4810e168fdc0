"""What makes a machine fit for a cloud: the daemons, KVM, and the doctor that checks them."""
