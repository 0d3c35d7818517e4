namespace KvmSevVmm.Sev.Commands;

/// <summary>A piece of guest memory that a command works on: where the guest sees it, where this process has it, and its bytes.</summary>
/// <remarks>
/// The kernel's commands name <see cref="HostAddress"/>; a model of the firmware reads and writes <see cref="Bytes"/>. Both are the same memory.
/// Once a launch or a migration has encrypted it, only the guest and the firmware can make sense of it.
/// </remarks>
public readonly ref struct GuestPiece
{
    /// <summary>Names a piece of guest memory.</summary>
    /// <param name="gpa">Guest physical address of the first byte, without the C-bit.</param>
    /// <param name="hostAddress">Address of the first byte in this process; 0 where only a model will use the piece.</param>
    /// <param name="bytes">The bytes themselves, not a copy.</param>
    public GuestPiece(ulong gpa, nuint hostAddress, Span<byte> bytes)
    {
        Gpa = gpa;
        HostAddress = hostAddress;
        Bytes = bytes;
    }

    /// <summary>Guest physical address of the first byte, without the C-bit.</summary>
    public ulong Gpa { get; }

    /// <summary>Address of the first byte in this process; 0 where there is none.</summary>
    public nuint HostAddress { get; }

    /// <summary>The bytes themselves, not a copy.</summary>
    public Span<byte> Bytes { get; }

    /// <summary>Bytes in the piece.</summary>
    public int Length => Bytes.Length;
}
