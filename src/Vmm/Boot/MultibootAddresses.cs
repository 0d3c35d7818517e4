namespace KvmSevVmm.Vmm.Boot;

/// <summary>Where a multiboot image that is no ELF file belongs: the fields of its header, which are physical addresses.</summary>
/// <param name="Header">The header's own address, which tells the address of each byte of the file.</param>
/// <param name="LoadStart">Where loading begins.</param>
/// <param name="LoadEnd">Where it ends; 0 for the end of the file.</param>
/// <param name="BssEnd">Up to here the memory behind is cleared; 0 for nothing.</param>
/// <param name="Entry">Where the image is entered.</param>
internal readonly record struct MultibootAddresses(uint Header, uint LoadStart, uint LoadEnd, uint BssEnd, uint Entry);
