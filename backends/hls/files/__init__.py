"""What stands beside the SystemVerilog: for simulators, for open tools and for vendors' tools, all of it text."""
