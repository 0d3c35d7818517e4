namespace KvmSevVmm.Vmm.Devices;

/// <summary>The device that kvm-unit-tests poke, QEMU's pc-testdev: registers that remember, memory that exits, interrupt lines.</summary>
/// <remarks>
/// Writing a page's address to the flush port makes QEMU drop KVM's mapping of that page; here it does nothing, which costs a test its
/// page fault in the host and changes no result. Source: QEMU, hw/misc/pc-testdev.c.
/// </remarks>
public sealed class TestDevice
{
    /// <summary>Port of <see cref="Register"/>.</summary>
    public const ushort RegisterPort = 0xE0;

    /// <summary>Port of <see cref="FlushPage"/>.</summary>
    public const ushort FlushPort = 0xE4;

    /// <summary>Port of <see cref="Register"/> once more, for accesses that QEMU cuts into bytes.</summary>
    public const ushort ByteRegisterPort = 0xE8;

    /// <summary>Ports at each of the three places.</summary>
    public const int RegisterLength = 4;

    /// <summary>First port of <see cref="InterruptLines"/>, one port a line.</summary>
    public const ushort InterruptPort = 0x2000;

    /// <summary>How many lines there are.</summary>
    public const int InterruptCount = 24;

    /// <summary>The line that an image raises in real mode, where a PIC delivers it.</summary>
    public const int RealModeInterrupt = 11;

    /// <summary>Address of <see cref="Memory"/>.</summary>
    public const ulong MemoryAddress = 0xFF00_0000;

    /// <summary>Bytes of <see cref="Memory"/>.</summary>
    public const int MemoryLength = 0x1_0000;

    private readonly Lock _lock = new();
    private readonly IInterruptLine[] _lines;
    private uint _register;

    /// <summary>Makes the device.</summary>
    /// <param name="makeLine">Makes the line of a global system interrupt.</param>
    public TestDevice(Func<uint, IInterruptLine> makeLine)
    {
        _lines = [.. Enumerable.Range(0, InterruptCount).Select(gsi => makeLine((uint)gsi))];
        Register = new RegisterDevice(this);
        FlushPage = new FlushDevice();
        InterruptLines = new LineDevice(_lines);
        Memory = new MemoryDevice();
    }

    /// <summary>Four bytes that remember what was written, at any width; at two places.</summary>
    public IBusDevice Register { get; }

    /// <summary>Takes the address of a page.</summary>
    public IBusDevice FlushPage { get; }

    /// <summary>Raises a line with anything but 0, lowers it with 0.</summary>
    public IBusDevice InterruptLines { get; }

    /// <summary>Memory each access of which leaves the guest.</summary>
    public IBusDevice Memory { get; }

    private byte ReadByte(ulong offset) => (byte)(Volatile.Read(ref _register) >> (8 * (int)(offset & 3)));

    private void WriteByte(ulong offset, byte value)
    {
        int shift = 8 * (int)(offset & 3);
        lock (_lock)
        {
            Volatile.Write(ref _register, (_register & ~(0xFFu << shift)) | ((uint)value << shift));
        }
    }

    private sealed class RegisterDevice(TestDevice device) : ByteDevice
    {
        protected override byte ReadByte(ulong offset) => device.ReadByte(offset);

        protected override void WriteByte(ulong offset, byte value) => device.WriteByte(offset, value);
    }

    private sealed class FlushDevice : ByteDevice
    {
        protected override byte ReadByte(ulong offset) => 0;

        protected override void WriteByte(ulong offset, byte value)
        {
            // Nothing to drop: see the remarks of the type.
        }
    }

    private sealed class LineDevice(IInterruptLine[] lines) : ByteDevice
    {
        protected override byte ReadByte(ulong offset) => 0;

        protected override void WriteByte(ulong offset, byte value) => lines[offset].Set(value != 0);
    }

    private sealed class MemoryDevice : IBusDevice
    {
        private readonly byte[] _bytes = new byte[MemoryLength];

        public void Read(ulong offset, Span<byte> data) => _bytes.AsSpan((int)offset, data.Length).CopyTo(data);

        public void Write(ulong offset, ReadOnlySpan<byte> data) => data.CopyTo(_bytes.AsSpan((int)offset));
    }
}
