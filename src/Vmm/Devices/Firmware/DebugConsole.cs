namespace KvmSevVmm.Vmm.Devices.Firmware;

/// <summary>The port to which firmware built for debugging writes its log; goes to a file.</summary>
/// <remarks>Source: QEMU's isa-debugcon at 0x402, which OVMF looks for: the port reads as 0xE9.</remarks>
internal sealed class DebugConsole : ByteDevice, IDisposable
{
    /// <summary>The port.</summary>
    internal const ushort Port = 0x402;

    private const byte Present = 0xE9;
    private const int BufferSize = 4096;

    private readonly Lock _lock = new();
    private readonly Stream _output;
    private readonly byte[] _buffer = new byte[BufferSize];
    private int _used;
    private bool _hasFailed;

    /// <summary>Makes the device.</summary>
    /// <param name="output">A regular file, so that a write does not wait; stays the caller's.</param>
    internal DebugConsole(Stream output) => _output = output;

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            Flush();
        }
    }

    /// <inheritdoc/>
    protected override byte ReadByte(ulong offset) => Present;

    /// <inheritdoc/>
    protected override void WriteByte(ulong offset, byte value)
    {
        lock (_lock)
        {
            _buffer[_used++] = value;
            if (value == (byte)'\n' || _used == BufferSize)
            {
                Flush();
            }
        }
    }

    private void Flush()
    {
        try
        {
            if (!_hasFailed)
            {
                _output.Write(_buffer, 0, _used);
            }
        }
        catch (IOException)
        {
            // A full disk is no reason to hold the guest up; what is written so far stays.
            _hasFailed = true;
        }

        _used = 0;
    }
}
