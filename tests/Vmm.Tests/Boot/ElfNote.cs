namespace KvmSevVmm.Vmm.Tests.Boot;

/// <summary>A note for <see cref="ElfBuilder"/>; a final NUL belongs to the name.</summary>
internal sealed record ElfNote(string Name, uint Type, byte[] Descriptor);
