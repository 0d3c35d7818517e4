namespace KvmSevVmm.Sev.Firmware;

/// <summary>A piece of guest memory that a firmware image names in its table.</summary>
/// <param name="Base">First guest physical address.</param>
/// <param name="Size">Bytes; zero where the image was built without that function.</param>
public readonly record struct OvmfArea(uint Base, uint Size)
{
    /// <summary>First guest physical address behind the area.</summary>
    public ulong End => (ulong)Base + Size;

    /// <summary>The area as <c>0x810c00, 1024 bytes</c>.</summary>
    public override string ToString() => $"0x{Base:x}, {Size} bytes";
}
