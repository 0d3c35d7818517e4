using System.Buffers.Binary;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>A port with which a test guest ends the machine and hands over a number, like QEMU's isa-debug-exit.</summary>
public sealed class DebugExit : IBusDevice
{
    /// <summary>The port that the images of kvm-unit-tests write to.</summary>
    public const ushort UnitTestPort = 0xF4;

    /// <summary>Ports it occupies.</summary>
    public const int WindowLength = 4;

    private readonly IMachineControl _machine;

    /// <summary>Makes the device.</summary>
    /// <param name="machine">Asked to stop with <see cref="StopReason.DebugExit"/>.</param>
    public DebugExit(IMachineControl machine) => _machine = machine;

    /// <inheritdoc/>
    public void Read(ulong offset, Span<byte> data) => data.Clear();

    /// <summary>Ends the machine.</summary>
    /// <param name="offset">Of no importance.</param>
    /// <param name="data">The guest's number; of more than 4 bytes the lowest 4 count, and a dword of 2^31 or more arrives as a negative
    /// number.</param>
    public void Write(ulong offset, ReadOnlySpan<byte> data)
    {
        Span<byte> code = stackalloc byte[sizeof(int)];
        code.Clear();
        data[..Math.Min(data.Length, sizeof(int))].CopyTo(code);
        _machine.RequestStop(StopReason.DebugExit, BinaryPrimitives.ReadInt32LittleEndian(code));
    }
}
