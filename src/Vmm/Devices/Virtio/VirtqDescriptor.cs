using System.Runtime.InteropServices;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>One descriptor as it lies in memory: <c>struct virtq_desc</c>, 16 bytes.</summary>
/// <remarks>Source: virtio 1.2, 2.7.5.</remarks>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct VirtqDescriptor
{
    internal const ushort NextFlag = 1;
    internal const ushort WriteFlag = 2;
    internal const ushort IndirectFlag = 4;
    internal const uint Size = 16;

    internal VirtqDescriptor(ulong address, uint length, ushort flags, ushort next)
    {
        Address = address;
        Length = length;
        Flags = flags;
        Next = next;
    }

    /// <summary>Guest physical address of the buffer or of the indirect table.</summary>
    internal ulong Address { get; }

    /// <summary>Bytes.</summary>
    internal uint Length { get; }

    /// <summary>Whether there is a next one, whether the device writes, whether it is a table.</summary>
    internal ushort Flags { get; }

    /// <summary>Index of the next one.</summary>
    internal ushort Next { get; }

    internal bool HasNext => (Flags & NextFlag) != 0;

    internal bool IsWritable => (Flags & WriteFlag) != 0;

    internal bool IsIndirect => (Flags & IndirectFlag) != 0;
}
