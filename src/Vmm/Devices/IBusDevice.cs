namespace KvmSevVmm.Vmm.Devices;

/// <summary>A device that answers accesses in a window of a bus.</summary>
/// <remarks>Called on a vCPU thread: short, no blocking, no allocation. Several vCPUs may call at once; the device locks for
/// itself.</remarks>
public interface IBusDevice
{
    /// <summary>Answers a read.</summary>
    /// <param name="offset">Bytes from the start of the device's window.</param>
    /// <param name="data">1, 2, 4 or 8 bytes, to be filled completely, little-endian.</param>
    void Read(ulong offset, Span<byte> data);

    /// <summary>Takes a write.</summary>
    /// <param name="offset">Bytes from the start of the device's window.</param>
    /// <param name="data">1, 2, 4 or 8 bytes, little-endian.</param>
    void Write(ulong offset, ReadOnlySpan<byte> data);
}
