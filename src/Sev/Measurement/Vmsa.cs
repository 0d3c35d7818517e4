using System.Buffers.Binary;

namespace KvmSevVmm.Sev.Measurement;

/// <summary>
/// The save area with a vCPU's registers (VMSA) as SEV-ES and SEV-SNP encrypt and measure it: one page. Registers that are not set are
/// zero. What the launch of a guest writes and what the digest is computed from comes from here, so that both agree.
/// </summary>
/// <remarks>Source: AMD64 Architecture Programmer's Manual, volume 2, table B-4 (state save area of SEV-ES).</remarks>
public sealed partial class Vmsa
{
    /// <summary>Bytes of a VMSA.</summary>
    public const int Size = 4096;

    /// <summary>Offset of GUEST_TSC_SCALE and GUEST_TSC_OFFSET, which SEV-SNP's firmware clears before it measures.</summary>
    internal const int GuestTscScaleOffset = 0x2F0;

    /// <summary>Bytes of the two.</summary>
    internal const int GuestTscSize = 16;

    // Vector registers: 0x420 x87 (80), 0x470 XMM (256), 0x570 upper halves of YMM (256).
    private const int VectorOffset = 0x420;
    private const int VectorSize = 80 + 256 + 256;

    private readonly byte[] _page;

    /// <summary>Makes a VMSA of zeros.</summary>
    public Vmsa()
    {
        _page = new byte[Size];
    }

    private Vmsa(byte[] page)
    {
        _page = page;
    }

    /// <summary>The page, 4096 bytes; the span shows later changes.</summary>
    public ReadOnlySpan<byte> Page => _page;

    /// <summary>x87, XMM and YMM registers as the save area holds them, 592 bytes; zero at reset.</summary>
    public Span<byte> VectorRegisters => _page.AsSpan(VectorOffset, VectorSize);

    /// <summary>Reads a VMSA. Any 4096 bytes are one.</summary>
    /// <param name="page">The page.</param>
    /// <param name="input">What the bytes are, for messages.</param>
    /// <exception cref="SevFormatException">It has another size.</exception>
    public static Vmsa Parse(ReadOnlySpan<byte> page, string input) => page.Length == Size
        ? new Vmsa(page.ToArray())
        : throw new SevFormatException(input, "VMSA", $"a VMSA has {Size} bytes, not {page.Length}");

    /// <summary>A copy that can be changed on its own.</summary>
    public Vmsa Copy() => new(_page.ToArray());

    private ushort Read16(int offset) => BinaryPrimitives.ReadUInt16LittleEndian(_page.AsSpan(offset));

    private uint Read32(int offset) => BinaryPrimitives.ReadUInt32LittleEndian(_page.AsSpan(offset));

    private ulong Read64(int offset) => BinaryPrimitives.ReadUInt64LittleEndian(_page.AsSpan(offset));

    private VmsaSegment ReadSegment(int offset) => new(Read16(offset), Read16(offset + 2), Read32(offset + 4), Read64(offset + 8));

    private void Write16(int offset, ushort value) => BinaryPrimitives.WriteUInt16LittleEndian(_page.AsSpan(offset), value);

    private void Write32(int offset, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(_page.AsSpan(offset), value);

    private void Write64(int offset, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(_page.AsSpan(offset), value);

    private void WriteSegment(int offset, VmsaSegment value)
    {
        Write16(offset, value.Selector);
        Write16(offset + 2, value.Attributes);
        Write32(offset + 4, value.Limit);
        Write64(offset + 8, value.Base);
    }
}
