namespace KvmSevVmm.Vmm.Devices;

/// <summary>The bits of a 16550's registers. Source: National Semiconductor PC16550D, table II.</summary>
internal static class SerialBits
{
    public const byte IerReceive = 0x01;
    public const byte IerTransmit = 0x02;
    public const byte IerLineStatus = 0x04;
    public const byte IerModemStatus = 0x08;
    public const byte IirNone = 0x01;
    public const byte IirModemStatus = 0x00;
    public const byte IirTransmit = 0x02;
    public const byte IirReceive = 0x04;
    public const byte IirLineStatus = 0x06;
    public const byte IirTimeout = 0x0C;
    public const byte IirFifoEnabled = 0xC0;
    public const byte FcrEnable = 0x01;
    public const byte FcrClearReceive = 0x02;
    public const byte FcrClearTransmit = 0x04;
    public const byte LcrBreak = 0x40;
    public const byte LcrDlab = 0x80;
    public const byte McrDtr = 0x01;
    public const byte McrRts = 0x02;
    public const byte McrOut1 = 0x04;
    public const byte McrOut2 = 0x08;
    public const byte McrLoop = 0x10;
    public const byte McrMask = 0x1F;
    public const byte LsrDataReady = 0x01;
    public const byte LsrOverrun = 0x02;
    public const byte LsrBreak = 0x10;
    public const byte LsrThre = 0x20;
    public const byte LsrTemt = 0x40;
    public const byte LsrFifoError = 0x80;
    public const byte MsrTrailingRing = 0x04;
    public const byte MsrCts = 0x10;
    public const byte MsrDsr = 0x20;
    public const byte MsrRing = 0x40;
    public const byte MsrDcd = 0x80;
}
