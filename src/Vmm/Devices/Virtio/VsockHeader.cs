using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Devices.Virtio;

/// <summary>The header of a vsock packet: <c>struct virtio_vsock_hdr</c>.</summary>
/// <remarks>Source: virtio 1.2, 5.10.6.</remarks>
internal readonly record struct VsockHeader
{
    internal const int Size = 44;
    internal const ushort StreamType = 1;
    internal const uint NoMoreReceive = 1;
    internal const uint NoMoreSend = 2;

    internal ulong SourceCid { get; init; }

    internal ulong DestinationCid { get; init; }

    internal uint SourcePort { get; init; }

    internal uint DestinationPort { get; init; }

    internal uint Length { get; init; }

    internal ushort Type { get; init; }

    internal VsockOperation Operation { get; init; }

    internal uint Flags { get; init; }

    /// <summary>Bytes that the sender has room for, all in all.</summary>
    internal uint BufferSize { get; init; }

    /// <summary>Bytes that the sender has passed on so far, modulo 2^32.</summary>
    internal uint Forwarded { get; init; }

    internal static VsockHeader Read(ReadOnlySpan<byte> bytes) => new()
    {
        SourceCid = BinaryPrimitives.ReadUInt64LittleEndian(bytes),
        DestinationCid = BinaryPrimitives.ReadUInt64LittleEndian(bytes[8..]),
        SourcePort = BinaryPrimitives.ReadUInt32LittleEndian(bytes[16..]),
        DestinationPort = BinaryPrimitives.ReadUInt32LittleEndian(bytes[20..]),
        Length = BinaryPrimitives.ReadUInt32LittleEndian(bytes[24..]),
        Type = BinaryPrimitives.ReadUInt16LittleEndian(bytes[28..]),
        Operation = (VsockOperation)BinaryPrimitives.ReadUInt16LittleEndian(bytes[30..]),
        Flags = BinaryPrimitives.ReadUInt32LittleEndian(bytes[32..]),
        BufferSize = BinaryPrimitives.ReadUInt32LittleEndian(bytes[36..]),
        Forwarded = BinaryPrimitives.ReadUInt32LittleEndian(bytes[40..]),
    };

    internal void Write(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64LittleEndian(bytes, SourceCid);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[8..], DestinationCid);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[16..], SourcePort);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[20..], DestinationPort);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[24..], Length);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[28..], Type);
        BinaryPrimitives.WriteUInt16LittleEndian(bytes[30..], (ushort)Operation);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[32..], Flags);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[36..], BufferSize);
        BinaryPrimitives.WriteUInt32LittleEndian(bytes[40..], Forwarded);
    }
}
