using static KvmSevVmm.Vmm.Devices.SerialBits;

namespace KvmSevVmm.Vmm.Devices;

/// <summary>The modem lines of a 16550, with a peer that is always ready, or its own outputs in loopback mode. Not thread-safe.</summary>
internal sealed class SerialModem
{
    private const byte PeerReady = MsrDcd | MsrDsr | MsrCts;

    private byte _lines = PeerReady;
    private byte _deltas;

    /// <summary>MCR as written, without its reserved bits.</summary>
    public byte Control { get; private set; }

    /// <summary>Whether the receiver hears the transmitter.</summary>
    public bool IsLoopback => (Control & McrLoop) != 0;

    /// <summary>Whether the interrupt reaches the interrupt controller.</summary>
    public bool IsInterruptEnabled => (Control & McrOut2) != 0;

    /// <summary>Whether a line has changed since the status was read.</summary>
    public bool HasChanged => _deltas != 0;

    /// <summary>Writes MCR.</summary>
    /// <param name="value">The byte.</param>
    public void WriteControl(byte value)
    {
        Control = (byte)(value & McrMask);
        int lines = PeerReady;
        if (IsLoopback)
        {
            lines = ((value & McrRts) != 0 ? MsrCts : 0)
                | ((value & McrDtr) != 0 ? MsrDsr : 0)
                | ((value & McrOut1) != 0 ? MsrRing : 0)
                | ((value & McrOut2) != 0 ? MsrDcd : 0);
        }

        int changed = (lines ^ _lines) >> 4;
        if ((lines & MsrRing) != 0)
        {
            changed &= ~MsrTrailingRing; // only the end of a ring counts
        }

        _deltas |= (byte)changed;
        _lines = (byte)lines;
    }

    /// <summary>Reads MSR, which clears the deltas.</summary>
    public byte ReadStatus()
    {
        byte status = (byte)(_lines | _deltas);
        _deltas = 0;
        return status;
    }
}
